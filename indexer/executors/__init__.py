"""Where work is done that is cut into tasks: in threads of this process, or by the workers of a cluster."""
