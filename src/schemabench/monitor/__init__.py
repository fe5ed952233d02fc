"""What the server does meanwhile: who waits for whom, what each write costs, and how it is executed.

Stands above the load loop, since its sampler is one more conversation in it.
"""
