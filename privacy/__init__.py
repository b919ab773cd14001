"""Pure rules of privacy: pseudonyms, the leak check before a publish, and the release form."""
