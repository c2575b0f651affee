"""The connections of the web process: how many there may be, how long they may take, and what the log says of it."""
