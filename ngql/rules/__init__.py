"""The optimizer's rules, one a file: each takes a block and gives an equal one that asks more of the engine."""
