"""A package, so that the folder of the same name that a dependency installs is not taken for it."""
