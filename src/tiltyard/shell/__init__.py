"""The only place with files, databases, clocks and processes; nothing else imports it."""
