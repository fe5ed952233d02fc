"""What to do about a worker that is gone.

Owns the words of remedies, which several errors share. Imports nothing heavy: a controller without evaluations has
them, too.
"""

LOST = (
    "if its process ended: check the kernel's log of its machine (dmesg), often for a lack of memory; then run again",
    "if only its connection did: check the server's log, and the network between the two; then run again",
)
STOPPED = (
    "check its machine: a process that is suspended, swapping or busy cannot take its share; if it is still there, end "
    "it (kill -KILL); then run again"
)
UNREACHED = "check that the server runs and that its machine can reach it for the whole run; then run again"
