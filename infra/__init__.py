"""What surrounds the functions: the local stack and the tenant command."""
