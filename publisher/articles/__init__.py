"""Articles: documents as sources hand them over, which article each is, and the sources themselves."""
