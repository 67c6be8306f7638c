"""What the scripts of the training kit share.

Needs PyTorch, NumPy, Pillow and safetensors; of roadex it imports ``roadex.models`` alone, which
needs no more.
"""
