"""The board: runs in a browser, and the endpoints of MLgym's clients."""
