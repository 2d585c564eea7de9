"""Learning times under the settings that people use, and how sure they are."""
