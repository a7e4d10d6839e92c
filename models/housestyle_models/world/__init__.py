"""The reference world: drawings, looks, splits and the trained parts of the bundle that every shown figure rests on.

`python -m housestyle_models.world` lists the commands; `models/WORLD.md` says what they make and in which order.
"""
