"""What the scripts of the training kit share; imports PyTorch, NumPy, Pillow and safetensors."""
