"""What the command `nitocris` can do: a module each, listed in `nitocris.cli.COMMANDS`."""
