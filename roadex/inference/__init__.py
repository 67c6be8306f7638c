"""From pixels to road probability on a device: the engine, test-time augmentation, memory."""
