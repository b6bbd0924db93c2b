//! The host functions that verify, in place of the SDK's of the same names.

use super::{Signature, VerifyExt};
use sp_core::{ed25519, sr25519};
use sp_externalities::{with_externalities, ExternalitiesExt};
use sp_runtime_interface::{
	pass_by::{PassFatPointerAndRead, PassPointerAndRead},
	runtime_interface,
};

/// What a runtime can call: the SDK's functions, but for those of [`crypto`].
pub type HostFunctions = sc_executor::sp_wasm_interface::ExtendedHostFunctions<
	sp_io::SubstrateHostFunctions,
	crypto::HostFunctions,
>;

/// Whether the signature is good, by whoever answers for signatures in this call; by itself where no
/// one does.
fn verify(signature: Signature, message: &[u8], by_itself: impl FnOnce() -> bool) -> bool {
	// The externalities are left before anything is verified.
	let answers = with_externalities(|mut externalities| {
		externalities.extension::<VerifyExt>().map(|answers| answers.0.clone())
	});
	match answers.flatten() {
		Some(answers) => answers.verify(&signature, message),
		None => by_itself(),
	}
}

/// The functions of the SDK's interface of this name that verify what SPB's messages are signed with.
#[runtime_interface(no_tracing)]
pub trait Crypto {
	/// Whether an Ed25519 signature is good.
	fn ed25519_verify(
		sig: PassPointerAndRead<&ed25519::Signature, 64>,
		msg: PassFatPointerAndRead<&[u8]>,
		pub_key: PassPointerAndRead<&ed25519::Public, 32>,
	) -> bool {
		verify(Signature::Ed25519(*sig, *pub_key), msg, || {
			sp_io::crypto::ed25519_verify(sig, msg, pub_key)
		})
	}

	/// Whether an Sr25519 signature is good, by the rules of old runtimes.
	fn sr25519_verify(
		sig: PassPointerAndRead<&sr25519::Signature, 64>,
		msg: PassFatPointerAndRead<&[u8]>,
		pub_key: PassPointerAndRead<&sr25519::Public, 32>,
	) -> bool {
		sr25519::Pair::verify_deprecated(sig, msg, pub_key)
	}

	/// Whether an Sr25519 signature is good.
	#[version(2)]
	fn sr25519_verify(
		sig: PassPointerAndRead<&sr25519::Signature, 64>,
		msg: PassFatPointerAndRead<&[u8]>,
		pub_key: PassPointerAndRead<&sr25519::Public, 32>,
	) -> bool {
		verify(Signature::Sr25519(*sig, *pub_key), msg, || {
			sp_io::crypto::sr25519_verify(sig, msg, pub_key)
		})
	}
}
