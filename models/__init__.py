"""Networks, the layers they are made of, and the registry that names them."""
