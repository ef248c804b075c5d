"""The Dagster shell: one asset a stage for each project file. All logic is in `pipeline`."""
