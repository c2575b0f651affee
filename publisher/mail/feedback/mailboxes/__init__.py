"""Where reports are read from: one file a kind of mailbox."""
