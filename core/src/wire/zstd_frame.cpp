#include "wire/zstd_frame.hpp"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace ferry::wire {
namespace {

/// Envelopes are made on the producer's hot path, and for 32 KiB of small jobs level 3 was slower
/// than level 1 and no smaller.
constexpr int compression_level = 1;

/// What a frame of unknown size may ask for as its window.
/// Source: RFC 8878, section 3.1.1.1.2: decoders should support 8 MiB, and may refuse more.
constexpr int max_window_log = 23;

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::string too_large(std::size_t most_bytes) {
  return "inflates to more than the " + std::to_string(most_bytes) + " bytes allowed here";
}

std::unique_ptr<char[]> buffer_of(std::size_t bytes) {
  return std::unique_ptr<char[]>(new char[std::max<std::size_t>(bytes, 1)]);
}

/// For frames that do not name their content size: a buffer that doubles up to the bound.
std::string inflate_unknown(std::string_view frame, std::size_t most_bytes,
                            std::unique_ptr<char[]>& buffer, std::size_t& inflated_bytes) {
  const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, max_window_log);
  std::size_t capacity = std::min(most_bytes, std::max<std::size_t>(4 * frame.size(), 4096));
  buffer = buffer_of(capacity);
  ZSTD_inBuffer in{frame.data(), frame.size(), 0};
  ZSTD_outBuffer out{buffer.get(), capacity, 0};
  while (true) {
    const std::size_t wanted = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(wanted)) return std::string("is damaged: ") + ZSTD_getErrorName(wanted);
    if (wanted == 0) break;
    if (out.pos < out.size) return "is cut off";
    if (capacity >= most_bytes) return too_large(most_bytes);
    capacity = std::min(most_bytes, 2 * capacity);
    auto larger = buffer_of(capacity);
    std::memcpy(larger.get(), buffer.get(), out.pos);
    buffer = std::move(larger);
    out.dst = buffer.get();
    out.size = capacity;
  }
  inflated_bytes = out.pos;
  return {};
}

}  // namespace

std::string inflate(std::string_view frame, std::size_t most_bytes, std::unique_ptr<char[]>& buffer,
                    std::size_t& inflated_bytes) {
  const std::size_t frame_bytes = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
  if (ZSTD_isError(frame_bytes)) {
    return std::string("is damaged: ") + ZSTD_getErrorName(frame_bytes);
  }
  if (frame_bytes != frame.size()) return "is followed by other bytes";
  const unsigned long long content = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (content == ZSTD_CONTENTSIZE_ERROR) return "is damaged: no frame header";
  if (content == ZSTD_CONTENTSIZE_UNKNOWN) {
    return inflate_unknown(frame, most_bytes, buffer, inflated_bytes);
  }
  if (content > most_bytes) return too_large(most_bytes);
  const auto bytes = static_cast<std::size_t>(content);
  // Left uninitialised on purpose: pages that a lying frame never fills are never touched.
  buffer = buffer_of(bytes);
  const std::size_t written = ZSTD_decompress(buffer.get(), bytes, frame.data(), frame.size());
  if (ZSTD_isError(written)) return std::string("is damaged: ") + ZSTD_getErrorName(written);
  if (written != bytes) return "does not hold the bytes it promises";
  inflated_bytes = written;
  return {};
}

std::string deflate(std::string_view bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t written =
      ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), compression_level);
  if (ZSTD_isError(written) || written >= bytes.size()) return {};
  frame.resize(written);
  return frame;
}

}  // namespace ferry::wire
