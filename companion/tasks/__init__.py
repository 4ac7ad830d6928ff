"""Applications, one a module: a few verbs on plain arrays, that compose."""
