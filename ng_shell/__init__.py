"""The `ngql` command: statements from the command line, files, standard input, or typed at a prompt."""
