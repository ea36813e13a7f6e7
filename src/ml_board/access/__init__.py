"""Who may come in: from where, under which name, with which token, and what a browser may do with an answer."""
