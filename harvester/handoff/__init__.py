"""What other tools take from the archive, always whole and never twice.

    change log ─▶ changes, consumers, hooks      who keeps up
    stories    ─▶ export, feeds, search, mirror  who takes it all, or what came after a number

All of it reads: the archive is written by others, and whatever lies here can be made again.
"""
