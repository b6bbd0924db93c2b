//! End-to-end encryption: HPKE (RFC 9180) in base mode, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256
//! and ChaCha20-Poly1305. Who wrote a letter is said by the signature inside it.
//!
//! Also the proof that a client holds a contact key: a node seals a challenge to it.

use super::{
	letter::{Letter, LetterError},
	packet::{pad, unpad, Packet, TooLong},
	types::{ContactKey, NodeIdentifier},
};
use crate::signing::{Genesis, Tag};
use alloc::vec::Vec;
use codec::{DecodeAll, Encode};
use core::fmt;
use hpke::{
	aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256, rand_core::CryptoRng,
	single_shot_open, single_shot_seal_with_rng, Deserializable, HpkeError, Kem, OpModeR, OpModeS,
	Serializable,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use zeroize::Zeroizing;

type Secret = <X25519HkdfSha256 as Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Bytes of an encapsulated key.
const KEY_LENGTH: usize = 32;
/// HPKE's `info`: what is sealed is of this protocol and version.
const INFO: &[u8] = b"spb/hpk1";
/// What the additional data of a challenge begins with.
const ATTACH: &[u8] = b"attach";

/// The secret half of a contact key. It is wiped when it goes.
#[derive(Clone)]
pub struct ContactSecret {
	secret: Secret,
	public: ContactKey,
}

impl fmt::Debug for ContactSecret {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "ContactSecret({:?}, ..)", self.public)
	}
}

impl ContactSecret {
	/// A fresh one.
	pub fn generate() -> Result<Self, SealError> {
		Self::from_bytes(&Zeroizing::new(fresh::<32>()?)).ok_or(SealError::NoRandomness)
	}

	/// The secret of these bytes; `None` where they are no X25519 key.
	pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
		let secret = Secret::from_bytes(bytes).ok()?;
		let public = ContactKey(X25519HkdfSha256::sk_to_pk(&secret).to_bytes().into());
		Some(Self { secret, public })
	}

	/// Its bytes, to be kept; other bytes than it was made of, but of the same key.
	pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
		Zeroizing::new(self.secret.to_bytes().into())
	}

	/// The contact key that others seal to.
	pub fn public(&self) -> ContactKey {
		self.public
	}
}

/// Why nothing is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SealError {
	/// Nobody can hold the secret of this contact key.
	BadKey,
	/// The letter does not fit the largest padded size.
	TooLong,
	/// The system gives no random bytes.
	NoRandomness,
}

impl fmt::Display for SealError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::BadKey => {
				"nobody can hold the secret of this contact key: there is no one to write to"
			},
			Self::TooLong => "the letter is too long",
			Self::NoRandomness => "the system gives no random bytes",
		})
	}
}

impl core::error::Error for SealError {}

impl From<TooLong> for SealError {
	fn from(_: TooLong) -> Self {
		Self::TooLong
	}
}

/// Why a packet is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
	/// It is not sealed to this key, or was changed on the way.
	Sealed,
	/// What is sealed is no padded letter of this version.
	Content,
	/// The letter does not count.
	Letter(LetterError),
}

impl fmt::Display for OpenError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Sealed => f.write_str("it is not sealed to this key or was changed on the way"),
			Self::Content => f.write_str("what is sealed is no letter of this version"),
			Self::Letter(error) => fmt::Display::fmt(error, f),
		}
	}
}

impl core::error::Error for OpenError {}

impl From<LetterError> for OpenError {
	fn from(error: LetterError) -> Self {
		Self::Letter(error)
	}
}

/// Random bytes of the system.
pub fn fresh<const N: usize>() -> Result<[u8; N], SealError> {
	let mut bytes = [0; N];
	getrandom::fill(&mut bytes).map_err(|_| SealError::NoRandomness)?;
	Ok(bytes)
}

/// The randomness of one sealing, fetched before, so that its lack is an error.
struct Fetched<'a>(&'a [u8]);

impl hpke::rand_core::TryRng for Fetched<'_> {
	type Error = core::convert::Infallible;

	fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
		let mut bytes = [0; 4];
		self.try_fill_bytes(&mut bytes)?;
		Ok(u32::from_le_bytes(bytes))
	}

	fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
		let mut bytes = [0; 8];
		self.try_fill_bytes(&mut bytes)?;
		Ok(u64::from_le_bytes(bytes))
	}

	fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
		// An ephemeral key takes all that there is; more is never asked for.
		let (now, later) = self.0.split_at(bytes.len().min(self.0.len()));
		bytes[..now.len()].copy_from_slice(now);
		self.0 = later;
		Ok(())
	}
}

impl hpke::rand_core::TryCryptoRng for Fetched<'_> {}

/// Seals `plaintext` to `to`, bound to `aad`. The encapsulated key comes first.
pub fn seal(to: &ContactKey, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, SealError> {
	let seed = Zeroizing::new(fresh::<KEY_LENGTH>()?);
	seal_with(to, INFO, plaintext, aad, &mut Fetched(&seed[..]))
}

fn seal_with(
	to: &ContactKey,
	info: &[u8],
	plaintext: &[u8],
	aad: &[u8],
	random: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
	let public = Public::from_bytes(&to.0).map_err(|_| SealError::BadKey)?;
	let mode = OpModeS::<X25519HkdfSha256>::Base;
	let (key, sealed) =
		single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
			&mode, &public, info, plaintext, aad, random,
		)
		.map_err(|error| match error {
			HpkeError::SealError => SealError::TooLong,
			_ => SealError::BadKey,
		})?;
	Ok([key.to_bytes().as_slice(), &sealed[..]].concat())
}

/// Opens what was sealed to the secret's key and bound to `aad`.
pub fn open(
	secret: &ContactSecret,
	sealed: &[u8],
	aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
	open_with(secret, INFO, sealed, aad)
}

fn open_with(
	secret: &ContactSecret,
	info: &[u8],
	sealed: &[u8],
	aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
	let (key, sealed) = sealed.split_at_checked(KEY_LENGTH).ok_or(OpenError::Sealed)?;
	let key = Encapsulated::from_bytes(key).map_err(|_| OpenError::Sealed)?;
	let mode = OpModeR::<X25519HkdfSha256>::Base;
	single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
		&mode,
		&secret.secret,
		&key,
		info,
		sealed,
		aad,
	)
	.map(Zeroizing::new)
	.map_err(|_| OpenError::Sealed)
}

/// The packet that carries a letter to the key that the letter is for: padded, sealed, with a fresh
/// nonce. `from` is the sender's key, and the time is the letter's.
pub fn seal_letter(letter: &Letter, from: ContactKey) -> Result<Packet, SealError> {
	let (to, sent_at, nonce) = (letter.content.to, letter.content.sent_at, fresh()?);
	let aad = Packet::aad(&to, &from, &nonce, sent_at);
	let padded = pad(&letter.encode())?;
	let sealed = seal(&to, &padded, &aad)?.try_into().map_err(|_| SealError::TooLong)?;
	Ok(Packet { to, from, nonce, hops: 0, sent_at, sealed })
}

/// The letter in a packet, if it is whole, for the secret's key, and signed by its author for this
/// chain.
pub fn open_letter(
	packet: &Packet,
	secret: &ContactSecret,
	genesis: &Genesis,
) -> Result<Letter, OpenError> {
	let aad = Packet::aad(&packet.to, &packet.from, &packet.nonce, packet.sent_at);
	let padded = open(secret, &packet.sealed, &aad)?;
	let letter = unpad(&padded).ok_or(OpenError::Content)?;
	let letter = Letter::decode_all(&mut &letter[..]).map_err(|_| OpenError::Content)?;
	letter.verify(&secret.public, genesis)?;
	Ok(letter)
}

/// What a node asks of a client that says it holds a contact key: to open what is sealed to it.
pub struct Challenge {
	/// What the client is sent.
	pub sealed: Vec<u8>,
	/// The answer of whoever holds the key.
	pub answer: H256,
}

/// A fresh challenge by `node` for the holder of `contact`.
pub fn challenge(
	contact: &ContactKey,
	node: &NodeIdentifier,
	genesis: &Genesis,
) -> Result<Challenge, SealError> {
	let secret = Zeroizing::new(fresh::<32>()?);
	let sealed = seal(contact, &secret[..], &attach_aad(node))?;
	Ok(Challenge { sealed, answer: attach_answer(contact, node, &secret, genesis) })
}

/// The answer to a challenge by `node`. A node that passes on another's challenge gets none: the
/// client opens those of the node that it speaks to.
pub fn answer(
	secret: &ContactSecret,
	node: &NodeIdentifier,
	sealed: &[u8],
	genesis: &Genesis,
) -> Result<H256, OpenError> {
	let opened = open(secret, sealed, &attach_aad(node))?;
	let bytes = <&[u8; 32]>::try_from(&opened[..]).map_err(|_| OpenError::Content)?;
	Ok(attach_answer(&secret.public, node, bytes, genesis))
}

fn attach_aad(node: &NodeIdentifier) -> Vec<u8> {
	[ATTACH, node.0.as_bytes()].concat()
}

fn attach_answer(
	contact: &ContactKey,
	node: &NodeIdentifier,
	secret: &[u8; 32],
	genesis: &Genesis,
) -> H256 {
	H256(blake2_256(&Tag::Attach.payload(genesis, &(contact, node, secret))))
}

#[cfg(test)]
mod tests;
