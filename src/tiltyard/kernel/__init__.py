"""What every other package stands on: exact money, times, errors, undefined values."""
