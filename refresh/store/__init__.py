"""What lies on disk: published versions, their manifest and vaults; how to write and read them."""
