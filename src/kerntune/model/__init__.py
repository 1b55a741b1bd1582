"""The nouns that flow through kerntune: frozen values, standard library only."""
