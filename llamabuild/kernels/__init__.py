"""The micro-kernels: formats, implementations, and running them; see ``native/kernels``."""
