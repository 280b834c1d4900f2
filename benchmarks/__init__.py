"""What the bridge is measured with, and the data it is measured on."""
