//! The outcome of a command and its exit code.

/// The outcome of a command that did not fail; failures are [`Failure`](crate::app::Failure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandOutcome {
    /// Everything was done.
    Done,
    /// Everything was done, but some assets were rejected or failed, or deviate.
    SomeFailed,
    /// Something needed is missing, and the command has already reported it.
    Unavailable,
    /// The command was stopped on request and can be resumed.
    Stopped,
}

impl CommandOutcome {
    /// Returns the process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeFailed => 3,
            Self::Unavailable => 4,
            Self::Stopped => 130,
        }
    }
}
