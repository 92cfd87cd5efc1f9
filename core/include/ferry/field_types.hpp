#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <msgpack.hpp>
#include <ratio>
#include <type_traits>
#include <utility>
#include <variant>

// Types of fields that msgpack-c has no form for. What is stored is a public format:
//
//   std::chrono::duration   a number, the count in the field's own unit: changing `seconds` to
//                           `milliseconds` changes what jobs that wait mean
//   std::chrono::time_point the timestamp extension (msgpack-c's own; no coarser than seconds)
//   enum                    a number, the underlying value, unless MSGPACK_ADD_ENUM says otherwise;
//                           one without an enumerator is kept as it is
//   std::variant            a list of two: the alternative's place from 0, and its value
//   struct without members  an empty map
//
// Source: https://github.com/msgpack/msgpack/blob/master/spec.md

namespace ferry::detail {

/// A struct that has nothing to store and says nothing of how it is stored.
template <typename T>
concept Memberless = std::is_class_v<T> && std::is_empty_v<T> && std::is_aggregate_v<T> &&
    !requires(const T& value, msgpack::packer<msgpack::sbuffer>& packer) {
  value.msgpack_pack(packer);
}
&&!requires { typename T::value_type; };

}  // namespace ferry::detail

namespace msgpack {
MSGPACK_API_VERSION_NAMESPACE(MSGPACK_DEFAULT_API_NS) {
  namespace adaptor {

  template <typename Rep, typename Period>
  struct convert<std::chrono::duration<Rep, Period>> {
    const msgpack::object& operator()(const msgpack::object& o,
                                      std::chrono::duration<Rep, Period>& to) const {
      to = std::chrono::duration<Rep, Period>(o.as<Rep>());
      return o;
    }
  };
  template <typename Rep, typename Period>
  struct pack<std::chrono::duration<Rep, Period>> {
    template <typename Stream>
    msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& o,
                                        const std::chrono::duration<Rep, Period>& value) const {
      return o.pack(value.count());
    }
  };

  template <typename T>
  struct convert<T, std::enable_if_t<std::is_enum_v<T>>> {
    const msgpack::object& operator()(const msgpack::object& o, T& to) const {
      to = static_cast<T>(o.as<std::underlying_type_t<T>>());
      return o;
    }
  };
  template <typename T>
  struct pack<T, std::enable_if_t<std::is_enum_v<T>>> {
    template <typename Stream>
    msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& o, T value) const {
      return o.pack(static_cast<std::underlying_type_t<T>>(value));
    }
  };

  template <typename T>
  struct convert<T, std::enable_if_t<ferry::detail::Memberless<T>>> {
    const msgpack::object& operator()(const msgpack::object& o, T&) const {
      if (o.type != msgpack::type::MAP) throw msgpack::type_error();
      return o;
    }
  };
  template <typename T>
  struct pack<T, std::enable_if_t<ferry::detail::Memberless<T>>> {
    template <typename Stream>
    msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& o, const T&) const {
      return o.pack_map(0);
    }
  };

  // Later versions of msgpack-c have the same form behind this macro.
#ifndef MSGPACK_USE_STD_VARIANT_ADAPTOR
  template <typename... Ts>
  struct convert<std::variant<Ts...>> {
    const msgpack::object& operator()(const msgpack::object& o, std::variant<Ts...>& to) const {
      if (o.type != msgpack::type::ARRAY || o.via.array.size != 2) throw msgpack::type_error();
      const auto place = o.via.array.ptr[0].as<std::uint64_t>();
      if (!read(place, o.via.array.ptr[1], to, std::index_sequence_for<Ts...>{})) {
        throw msgpack::type_error();
      }
      return o;
    }

   private:
    template <std::size_t... Places>
    static bool read(std::uint64_t place, const msgpack::object& value, std::variant<Ts...>& to,
                     std::index_sequence<Places...>) {
      return ((place == Places && (value.convert(to.template emplace<Places>()), true)) || ...);
    }
  };
  template <typename... Ts>
  struct pack<std::variant<Ts...>> {
    template <typename Stream>
    msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& o,
                                        const std::variant<Ts...>& value) const {
      o.pack_array(2);
      o.pack_uint64(value.index());
      std::visit([&o](const auto& held) { o.pack(held); }, value);
      return o;
    }
  };
#endif

  }  // namespace adaptor
}
}  // namespace msgpack
