"""Changes: hosts are acted upon, batch by batch, and every one ends untouched, done or undone.

`rollout` and `guards` say what may be done, and run nothing. Knows nothing of SSH, of how runs are
stored or of the screen: whoever wires it hands over how to ask a host, and how to keep a record.
"""
