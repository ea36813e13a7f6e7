"""Events over Socket.IO."""
