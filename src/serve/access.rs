use super::Role;

/// Who may call one method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access<R: 'static> {
    /// Every caller that the listener established, with a role or without.
    Known,
    /// Callers with one of these roles.
    Roles(&'static [R]),
}

impl<R: Role> Access<R> {
    /// What the table says of the method at `path`, with the path as it is listed; `None` if it is
    /// not, and may be called by nobody.
    pub fn of(path: &str) -> Option<(&'static str, Self)> {
        let index = R::METHODS.binary_search_by(|(listed, _)| (*listed).cmp(path));
        R::METHODS.get(index.ok()?).copied()
    }

    /// Whether a caller with this role may call.
    pub fn admits(self, role: Option<R>) -> bool {
        match self {
            Self::Known => true,
            Self::Roles(roles) => role.is_some_and(|role| roles.contains(&role)),
        }
    }
}
