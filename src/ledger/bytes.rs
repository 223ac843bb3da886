/// Declares bytes with a meaning of their own, shown as hexadecimal digits.
macro_rules! some_bytes {
    ($(#[$doc:meta])* $name:ident $length:expr) => {
        $(#[$doc])*
        #[derive(
            borsh::BorshDeserialize, borsh::BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq,
            PartialOrd,
        )]
        pub struct $name([u8; $length]);

        impl $name {
            /// The value with these bytes.
            pub fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes as they stand on the ledger.
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::IdTextError;

            fn from_str(text: &str) -> Result<Self, $crate::id::IdTextError> {
                $crate::id::bytes_from_hex(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::id::serialize_text(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::id::deserialize_text(deserializer)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(super) use some_bytes;
