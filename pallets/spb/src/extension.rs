//! What every signed transaction is checked for beside the usual.

use crate::{Call, Config};
use codec::{Decode, DecodeWithMemTracking, Encode};
use core::{fmt, marker::PhantomData};
use frame_support::{pallet_prelude::TransactionSource, traits::IsSubType};
use scale_info::TypeInfo;
use sp_runtime::{
	impl_tx_ext_default,
	traits::{DispatchInfoOf, TransactionExtension, ValidateResult},
	transaction_validity::InvalidTransaction,
	Weight,
};

/// A call that may carry another one.
pub trait Carries {
	/// The call that this one carries.
	fn carried(&self) -> Option<&Self>;
}

/// Refuses messages and seals in signed transactions, carried by other calls too: they would stand in
/// a block as failed ones, and no open CTP and no ERC is to be in any body.
#[derive(Encode, Decode, DecodeWithMemTracking, Clone, PartialEq, Eq, TypeInfo)]
#[scale_info(skip_type_params(T))]
pub struct CheckBare<T>(PhantomData<T>);

impl<T> Default for CheckBare<T> {
	fn default() -> Self {
		Self(PhantomData)
	}
}

impl<T> fmt::Debug for CheckBare<T> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("CheckBare")
	}
}

impl<T: Config + Send + Sync> TransactionExtension<T::RuntimeCall> for CheckBare<T>
where
	T::RuntimeCall: IsSubType<Call<T>> + Carries,
{
	const IDENTIFIER: &'static str = "CheckBare";
	type Implicit = ();
	type Val = ();
	type Pre = ();

	fn weight(&self, _: &T::RuntimeCall) -> Weight {
		Weight::zero()
	}

	fn validate(
		&self,
		origin: T::RuntimeOrigin,
		call: &T::RuntimeCall,
		_: &DispatchInfoOf<T::RuntimeCall>,
		_: usize,
		(): (),
		_: &impl Encode,
		_: TransactionSource,
	) -> ValidateResult<(), T::RuntimeCall> {
		let mut next = Some(call);
		while let Some(call) = next {
			if let Some(
				Call::commit_to_pay { .. } | Call::confirm_receipt { .. } | Call::seal { .. },
			) = call.is_sub_type()
			{
				return Err(InvalidTransaction::Call.into());
			}
			next = call.carried();
		}
		Ok((Default::default(), (), origin))
	}

	impl_tx_ext_default!(T::RuntimeCall; prepare);
}
