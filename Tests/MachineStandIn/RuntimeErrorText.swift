import Diagnostics

/// The error of a guest that is played to fail.
enum RuntimeErrorText {
    static let failure = RuntimeError(.programNotFound, "exec \"fail\": executable file not found in $PATH")
}
