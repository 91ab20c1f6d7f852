// One block of each format, encoded from floats and decoded to floats. Decoding gives ggml's values
// bit for bit. A value that is not finite, or too large for the format's scale, is not hidden: its
// block decodes to NaN or infinities.

#pragma once

#include "formats/blocks.hpp"

namespace lb {

void encode(const float *x, block_q4_0 &block);
void encode(const float *x, block_q4_1 &block);
void encode(const float *x, block_q5_0 &block);
void encode(const float *x, block_q5_1 &block);
void encode(const float *x, block_q8_0 &block);
void encode(const float *x, block_q8_1 &block);
void encode(const float *x, block_q2_K &block);
void encode(const float *x, block_q3_K &block);
void encode(const float *x, block_q4_K &block);
void encode(const float *x, block_q5_K &block);
void encode(const float *x, block_q6_K &block);
void encode(const float *x, block_q8_K &block);
void encode(const float *x, block_iq4_nl &block);
void encode(const float *x, block_iq4_xs &block);
void encode(const float *x, block_mxfp4 &block);

void decode(const block_q4_0 &block, float *y);
void decode(const block_q4_1 &block, float *y);
void decode(const block_q5_0 &block, float *y);
void decode(const block_q5_1 &block, float *y);
void decode(const block_q8_0 &block, float *y);
void decode(const block_q8_1 &block, float *y);
void decode(const block_q2_K &block, float *y);
void decode(const block_q3_K &block, float *y);
void decode(const block_q4_K &block, float *y);
void decode(const block_q5_K &block, float *y);
void decode(const block_q6_K &block, float *y);
void decode(const block_q8_K &block, float *y);
void decode(const block_iq4_nl &block, float *y);
void decode(const block_iq4_xs &block, float *y);
void decode(const block_mxfp4 &block, float *y);

} // namespace lb
