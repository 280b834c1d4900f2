"""From node to node: what was committed wakes those who serve its readers. The journal is the truth."""
