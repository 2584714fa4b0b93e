import CLinux
import Glibc

/// A lock that is granted in the order of asking.
///
/// A busy event loop thus cannot keep a virtual CPU waiting for more than one turn. Whoever has it may ask again and gets it
/// at once.
@safe final class TurnLock: Sendable {
    @unsafe private struct State {
        var mutex = unsafe pthread_mutex_t()
        var turn = pthread_cond_t()
        var asked: UInt64 = 0
        var served: UInt64 = 0
        var depth = 0
        var owner: pthread_t = 0
    }

    // SAFETY: initialised in init, freed in deinit; its counters are touched under its mutex only.
    private nonisolated(unsafe) let state: UnsafeMutablePointer<State>

    init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: State())
        unsafe pthread_mutex_init(&state.pointee.mutex, nil)
        unsafe pthread_cond_init(&state.pointee.turn, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(&state.pointee.turn)
        unsafe pthread_mutex_destroy(&state.pointee.mutex)
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    func lock() {
        let thread = pthread_self()
        unsafe pthread_mutex_lock(&state.pointee.mutex)
        if unsafe state.pointee.owner != thread {
            let ticket = unsafe state.pointee.asked
            unsafe state.pointee.asked = ticket &+ 1
            while unsafe state.pointee.served != ticket {
                unsafe pthread_cond_wait(&state.pointee.turn, &state.pointee.mutex)
            }
            unsafe state.pointee.owner = thread
        }
        unsafe state.pointee.depth += 1
        unsafe pthread_mutex_unlock(&state.pointee.mutex)
    }

    func unlock() {
        unsafe pthread_mutex_lock(&state.pointee.mutex)
        unsafe state.pointee.depth -= 1
        if unsafe state.pointee.depth == 0 {
            unsafe state.pointee.owner = 0
            unsafe state.pointee.served = state.pointee.served &+ 1
            if unsafe state.pointee.asked != state.pointee.served {
                unsafe pthread_cond_broadcast(&state.pointee.turn)
            }
        }
        unsafe pthread_mutex_unlock(&state.pointee.mutex)
    }
}
