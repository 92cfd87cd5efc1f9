#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <msgpack.hpp>
#include <ratio>
#include <type_traits>
#include <utility>
#include <variant>

// Types of fields that msgpack-c has no form for. What is stored is a public format:
//
//   std::chrono::duration   a number, the count in the field's own unit: changing `seconds` to
//                           `milliseconds` changes what jobs that wait mean
//   time_point              of system_clock: the timestamp extension, seconds and nanoseconds; what
//                           the field's own unit cannot hold is rounded down
//   enum                    a number, the underlying value, unless MSGPACK_ADD_ENUM says otherwise;
//                           one without an enumerator is kept as it is
//   std::variant            a list of two: the alternative's place from 0, and its value
//   struct without members  an empty map
//
// Source: https://github.com/msgpack/msgpack/blob/master/spec.md

namespace ferry::detail {

inline std::uint64_t big_endian(const char* bytes, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}
inline void put_big_endian(std::uint64_t value, std::uint32_t count, char* bytes) {
  for (std::uint32_t i = count; i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value & 0xff);
}

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

  // With Boost, msgpack-c has the same form.
#ifdef MSGPACK_NO_BOOST
  template <typename Duration>
  struct convert<std::chrono::time_point<std::chrono::system_clock, Duration>> {
    using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

    const msgpack::object& operator()(const msgpack::object& o, Time& to) const {
      if (o.type != msgpack::type::EXT || o.via.ext.type() != -1) throw msgpack::type_error();
      const char* data = o.via.ext.data();
      std::uint64_t nanoseconds = 0;
      std::int64_t seconds = 0;
      switch (o.via.ext.size) {
        case 4:
          seconds = static_cast<std::int64_t>(ferry::detail::big_endian(data, 4));
          break;
        case 8:
          nanoseconds = ferry::detail::big_endian(data, 8) >> 34;
          seconds = static_cast<std::int64_t>(ferry::detail::big_endian(data, 8) &
                                              ((std::uint64_t{1} << 34) - 1));
          break;
        case 12:
          nanoseconds = ferry::detail::big_endian(data, 4);
          seconds = static_cast<std::int64_t>(ferry::detail::big_endian(data + 4, 8));
          break;
        default:
          throw msgpack::type_error();
      }
      // A second less on either side, for the nanoseconds.
      constexpr auto most = std::chrono::duration<long double>(Duration::max()).count() - 1;
      constexpr auto least = std::chrono::duration<long double>(Duration::min()).count() + 1;
      const auto wanted = static_cast<long double>(seconds);
      if (nanoseconds > 999'999'999 || wanted > most || wanted < least) {
        throw msgpack::type_error();
      }
      const auto whole = std::chrono::floor<Duration>(std::chrono::seconds(seconds));
      const auto rest = std::chrono::seconds(seconds) - whole;
      to = Time(whole +
                std::chrono::floor<Duration>(
                    rest + std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds))));
      return o;
    }
  };
  template <typename Duration>
  struct pack<std::chrono::time_point<std::chrono::system_clock, Duration>> {
    template <typename Stream>
    msgpack::packer<Stream>& operator()(
        msgpack::packer<Stream>& o,
        const std::chrono::time_point<std::chrono::system_clock, Duration>& value) const {
      const auto whole = std::chrono::floor<std::chrono::seconds>(value.time_since_epoch());
      const auto rest =
          std::chrono::duration_cast<std::chrono::nanoseconds>(value.time_since_epoch() - whole);
      const auto seconds = static_cast<std::uint64_t>(whole.count());
      const auto nanoseconds = static_cast<std::uint64_t>(rest.count());
      char bytes[12];
      std::uint32_t size = 12;
      if (seconds >> 34 != 0) {
        ferry::detail::put_big_endian(nanoseconds, 4, bytes);
        ferry::detail::put_big_endian(seconds, 8, bytes + 4);
      } else if (nanoseconds != 0 || seconds >> 32 != 0) {
        ferry::detail::put_big_endian(nanoseconds << 34 | seconds, size = 8, bytes);
      } else {
        ferry::detail::put_big_endian(seconds, size = 4, bytes);
      }
      o.pack_ext(size, -1);
      return o.pack_ext_body(bytes, size);
    }
  };
#endif

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
