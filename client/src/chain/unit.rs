//! Lets units of `spb_primitives` stand in generated code, where the chain may encode them
//! compactly.

use codec::{Compact, CompactAs, CompactRef, Decode, Encode};
use subxt::ext::{
	scale_decode::{
		self, visitor::DecodeAsTypeResult, visitor::DecodeError, IntoVisitor, TypeResolver, Visitor,
	},
	scale_encode::{self, EncodeAsType},
	scale_type_resolver::visitor,
};

/// A unit such as `Money`, encoded as the metadata asks for: compactly or in full.
///
/// subxt's `Static` would always encode in full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit<T>(pub T);

impl<T> From<T> for Unit<T> {
	fn from(value: T) -> Self {
		Self(value)
	}
}

/// Whether the type is compact in this metadata.
fn is_compact<R: TypeResolver>(id: R::TypeId, types: &R) -> bool {
	let visitor = visitor::new((), |(), _| false).visit_compact(|(), _| true);
	types.resolve_type(id, visitor).unwrap_or(false)
}

impl<T> EncodeAsType for Unit<T>
where
	T: CompactAs + Encode,
	for<'a> CompactRef<'a, T>: Encode,
{
	fn encode_as_type_to<R: TypeResolver>(
		&self,
		type_id: R::TypeId,
		types: &R,
		out: &mut Vec<u8>,
	) -> Result<(), scale_encode::Error> {
		if is_compact(type_id, types) {
			CompactRef(&self.0).encode_to(out);
		} else {
			self.0.encode_to(out);
		}
		Ok(())
	}
}

/// Decodes a [`Unit`].
pub struct UnitVisitor<T, R>(std::marker::PhantomData<(T, R)>);

impl<T, R: TypeResolver> Visitor for UnitVisitor<T, R>
where
	T: Decode,
	Compact<T>: Decode,
{
	type Value<'scale, 'info> = Unit<T>;
	type Error = scale_decode::Error;
	type TypeResolver = R;

	fn unchecked_decode_as_type<'scale, 'info>(
		self,
		input: &mut &'scale [u8],
		type_id: R::TypeId,
		types: &'info R,
	) -> DecodeAsTypeResult<Self, Result<Self::Value<'scale, 'info>, Self::Error>> {
		let decoded = if is_compact(type_id, types) {
			Compact::<T>::decode(input).map(|compact| compact.0)
		} else {
			T::decode(input)
		};
		let malformed = |error| scale_decode::Error::new(DecodeError::CodecError(error).into());
		DecodeAsTypeResult::Decoded(decoded.map(Unit).map_err(malformed))
	}
}

impl<T> IntoVisitor for Unit<T>
where
	T: Decode,
	Compact<T>: Decode,
{
	type AnyVisitor<R: TypeResolver> = UnitVisitor<T, R>;

	fn into_visitor<R: TypeResolver>() -> UnitVisitor<T, R> {
		UnitVisitor(std::marker::PhantomData)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use scale_info::{meta_type, MetaType, PortableRegistry, Registry};
	use spb_primitives::{Energy, Money};
	use subxt::ext::scale_decode::DecodeAsType;

	fn round_trip<T>(of: MetaType, value: T) -> Vec<u8>
	where
		T: CompactAs + Encode + Decode + Copy + PartialEq + std::fmt::Debug,
		for<'a> CompactRef<'a, T>: Encode,
		Compact<T>: Decode,
	{
		let mut registry = Registry::new();
		let id = registry.register_type(&of).id;
		let types = PortableRegistry::from(registry);
		let bytes = Unit(value).encode_as_type(id, &types).unwrap();
		let decoded = Unit::<T>::decode_as_type(&mut &bytes[..], id, &types).unwrap();
		assert_eq!(decoded, Unit(value));
		bytes
	}

	#[test]
	fn units_should_be_encoded_as_the_metadata_asks() {
		let energy = Energy::from_wh(700);
		assert_eq!(round_trip::<Energy>(meta_type::<Energy>(), energy), energy.encode());
		assert_eq!(
			round_trip::<Energy>(meta_type::<Compact<Energy>>(), energy),
			Compact(energy).encode()
		);
		let money = Money::from_units(u128::MAX);
		assert_eq!(round_trip::<Money>(meta_type::<Money>(), money), money.encode());
		assert_eq!(
			round_trip::<Money>(meta_type::<Compact<Money>>(), money),
			Compact(money).encode()
		);
	}
}
