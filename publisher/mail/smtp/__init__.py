"""Our own SMTP client: what may go on the wire, the conversation without a socket, the socket without a word."""
