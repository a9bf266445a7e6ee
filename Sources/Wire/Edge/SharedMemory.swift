/// How messages lie in memory that processes share, for plans of memory.
package enum SharedMemory {
    /// Smaller payloads travel inside the message: opening and releasing a slot costs more.
    package static let threshold = 32 << 10
    /// The most that a producer keeps for an `even` consumer to choose from; beyond it every second one
    /// goes.
    package static let evenCapacity = 64
}
