//! What goes over the wire, SCALE encoded.

use super::super::Hash;
use codec::{Decode, DecodeAll, Encode};
use spb_primitives::{BlockNumber, CtpId, SignedCtp};

/// Sidecars asked for at once, at the most.
pub const MAX_SIDECARS: usize = 64;
/// Bytes of a request, at the most.
pub const MAX_REQUEST: u64 = 4 * 1024;
/// Bytes of an answer at which a server stops adding to it. One sidecar of any size fits all the
/// same, within the protocol's limit.
pub const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Entries of a database in one answer, at the most.
pub const MAX_ENTRIES: usize = 4_096;

/// A message that does not say what it should.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
	/// It does not decode.
	#[error("it does not decode: {0}")]
	Encoding(#[from] codec::Error),
	/// It has too few or too many parts.
	#[error("it has {count} parts, where there may be 1 to {most}")]
	Count {
		/// How many it has.
		count: usize,
		/// How many there may be.
		most: usize,
	},
	/// It is a part of a database that is not the last one and yet less than half of what was asked for.
	#[error("it is a part of {bytes} bytes, of {limit} asked for, and not the last one")]
	Scant {
		/// How large it is.
		bytes: usize,
		/// How large it may be.
		limit: u32,
	},
}

fn within(count: usize, most: usize) -> Result<(), MessageError> {
	if (1..=most).contains(&count) {
		Ok(())
	} else {
		Err(MessageError::Count { count, most })
	}
}

/// Asks for sidecars by their hashes.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct SidecarRequest(pub Vec<Hash>);

impl SidecarRequest {
	/// Reads a request of a peer.
	pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
		let request = Self::decode_all(&mut &bytes[..])?;
		within(request.0.len(), MAX_SIDECARS)?;
		Ok(request)
	}
}

/// The sidecars, in the order of the request, nothing where one is not stored. It may stop early,
/// where more would not fit; what is left is asked for again.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct SidecarAnswer(pub Vec<Option<Vec<u8>>>);

impl SidecarAnswer {
	/// Reads the answer of a peer to a request for `asked` sidecars.
	pub fn read(bytes: &[u8], asked: usize) -> Result<Self, MessageError> {
		let answer = Self::decode_all(&mut &bytes[..])?;
		within(answer.0.len(), asked)?;
		Ok(answer)
	}
}

/// Asks for a part of the CTP database after a block.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct DatabaseRequest {
	/// The block.
	pub block: Hash,
	/// The root that its header names.
	pub root: Hash,
	/// The entry (expiry, id) after which the part begins; none for the first part.
	pub after: Option<(BlockNumber, CtpId)>,
	/// Bytes of the part, at the most.
	pub limit: u32,
}

impl DatabaseRequest {
	/// Reads a request of a peer.
	pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
		Ok(Self::decode_all(&mut &bytes[..])?)
	}
}

/// A part of a CTP database: at least half as large as was asked for, or [`MAX_ENTRIES`] / 2 entries,
/// unless it is the last one.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct DatabasePart {
	/// Entries, in ascending order of expiry and id.
	pub entries: Vec<SignedCtp>,
	/// Whether these are the last ones.
	pub last: bool,
}

/// The part that was asked for, or nothing where that database is not stored.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct DatabaseAnswer(pub Option<DatabasePart>);

impl DatabaseAnswer {
	/// Reads the answer of a peer to a request for a part of at most `limit` bytes.
	pub fn read(bytes: &[u8], limit: u32) -> Result<Self, MessageError> {
		let answer = Self::decode_all(&mut &bytes[..])?;
		if let Some(DatabasePart { entries, last }) = &answer.0 {
			// Only the last part may be empty, else there would be no end to it.
			if !(entries.is_empty() && *last) {
				within(entries.len(), MAX_ENTRIES)?;
			}
			// And only the last one may be small, else it could take for ever.
			let bytes: usize = entries.iter().map(Encode::encoded_size).sum();
			let half = bytes >= limit as usize / 2 || entries.len() >= MAX_ENTRIES / 2;
			if !(*last || half) {
				return Err(MessageError::Scant { bytes, limit });
			}
		}
		Ok(answer)
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::super::message::tests::{id, signed},
		*,
	};

	#[test]
	fn sidecar_messages_should_keep_their_encoding() {
		let request = SidecarRequest(vec![Hash::repeat_byte(1), Hash::repeat_byte(2)]);
		let golden = [vec![8], vec![1; 32], vec![2; 32]].concat();
		assert_eq!(request.encode(), golden);
		assert_eq!(SidecarRequest::read(&golden).unwrap(), request);
		let answer = SidecarAnswer(vec![Some(vec![7, 8, 9]), None]);
		let golden = [8, 1, 12, 7, 8, 9, 0];
		assert_eq!(answer.encode(), golden);
		assert_eq!(SidecarAnswer::read(&golden, 2).unwrap(), answer);
	}

	#[test]
	fn database_messages_should_keep_their_encoding() {
		let (block, root) = (Hash::repeat_byte(1), Hash::repeat_byte(2));
		let request = DatabaseRequest { block, root, after: Some((40, id(1))), limit: 0x0102_0304 };
		let id = id(1);
		let golden =
			[&[1; 32][..], &[2; 32], &[1, 40, 0, 0, 0], id.0.as_bytes(), &[4, 3, 2, 1]].concat();
		assert_eq!(request.encode(), golden);
		assert_eq!(DatabaseRequest::read(&golden).unwrap(), request);
		let part = DatabasePart { entries: vec![signed(1)], last: true };
		let golden = [&[1, 4][..], &signed(1).encode(), &[1]].concat();
		assert_eq!(DatabaseAnswer(Some(part.clone())).encode(), golden);
		assert_eq!(DatabaseAnswer::read(&golden, 1_000).unwrap().0, Some(part));
		assert_eq!(DatabaseAnswer(None).encode(), [0]);
	}

	#[test]
	fn garbage_should_be_an_error() {
		for length in 0..300 {
			let bytes: Vec<u8> = (0..length).map(|at: u32| (at * 151 + length * 7) as u8).collect();
			assert!(SidecarRequest::read(&bytes).is_err(), "{bytes:?}");
			assert!(DatabaseRequest::read(&bytes).is_err(), "{bytes:?}");
		}
		// A length that no message could have.
		let endless = [0x03, 0xff, 0xff, 0xff, 0xff];
		assert!(SidecarRequest::read(&endless).is_err());
		assert!(SidecarAnswer::read(&endless, 64).is_err());
		assert!(DatabaseAnswer::read(&[&[1][..], &endless].concat(), 1_000).is_err());
	}

	#[test]
	fn messages_of_another_size_than_agreed_should_be_an_error() {
		let hashes = |count| SidecarRequest(vec![Hash::zero(); count]).encode();
		assert!(SidecarRequest::read(&hashes(0)).is_err());
		assert!(SidecarRequest::read(&hashes(MAX_SIDECARS)).is_ok());
		assert!(SidecarRequest::read(&hashes(MAX_SIDECARS + 1)).is_err());
		let largest = SidecarRequest(vec![Hash::zero(); MAX_SIDECARS]).encoded_size() as u64;
		assert!(largest <= MAX_REQUEST);
		assert!(SidecarAnswer::read(&SidecarAnswer(vec![None; 3]).encode(), 2).is_err());
		assert!(SidecarAnswer::read(&SidecarAnswer(vec![]).encode(), 2).is_err());
		let part = |count, last| {
			let entries = vec![signed(1); count];
			DatabaseAnswer(Some(DatabasePart { entries, last })).encode()
		};
		let read = |count, last, limit| DatabaseAnswer::read(&part(count, last), limit);
		assert!(read(0, true, 1_000).is_ok());
		assert!(read(0, false, 0).is_err());
		assert!(read(MAX_ENTRIES + 1, true, u32::MAX).is_err());
	}

	#[test]
	fn small_part_that_is_not_the_last_should_be_an_error() {
		let size = signed(1).encoded_size() as u32;
		let read = |count: usize, last, limit| {
			let part = DatabasePart { entries: vec![signed(1); count], last };
			DatabaseAnswer::read(&DatabaseAnswer(Some(part)).encode(), limit)
		};
		assert!(matches!(read(1, false, 4 * size), Err(MessageError::Scant { .. })));
		assert!(read(1, true, 4 * size).is_ok() && read(2, false, 4 * size).is_ok());
		// More entries than these no answer has, however many bytes it may have.
		assert!(read(MAX_ENTRIES / 2, false, u32::MAX).is_ok());
		assert!(read(MAX_ENTRIES / 2 - 1, false, u32::MAX).is_err());
	}
}
