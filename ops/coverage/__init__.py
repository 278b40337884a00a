"""What is decoded of which medium, measured on made media: `python -m ops.coverage`."""
