"""What: the catalog of public credit information, its semantic types, reference data and targets."""
