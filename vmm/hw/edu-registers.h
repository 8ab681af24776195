/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The edu device's registers by name, docs/specs/edu.md. Includes nothing, for guests' use. */
#pragma once

#define TN_EDU_VENDOR_ID 0x1234
#define TN_EDU_DEVICE_ID 0x11e8
#define TN_EDU_REVISION 0x10
#define TN_EDU_CLASS 0x00ff00

/* Of BAR 0. */
#define TN_EDU_BAR_SIZE 0x100000

#define TN_EDU_REG_IDENTIFICATION 0x00
#define TN_EDU_REG_LIVENESS 0x04
#define TN_EDU_REG_FACTORIAL 0x08
#define TN_EDU_REG_STATUS 0x20
#define TN_EDU_REG_IRQ_STATUS 0x24
#define TN_EDU_REG_IRQ_RAISE 0x60
#define TN_EDU_REG_IRQ_ACK 0x64
/* From here on also by 8 bytes. */
#define TN_EDU_REG_DMA_SRC 0x80
#define TN_EDU_REG_DMA_DST 0x88
#define TN_EDU_REG_DMA_COUNT 0x90
#define TN_EDU_REG_DMA_COMMAND 0x98

#define TN_EDU_IDENTIFICATION 0x010000edu

#define TN_EDU_STATUS_COMPUTING 0x01u
#define TN_EDU_STATUS_IRQ_FACTORIAL 0x80u

#define TN_EDU_IRQ_FACTORIAL 0x00000001u
#define TN_EDU_IRQ_DMA 0x00000100u

#define TN_EDU_DMA_RUN 0x1u
#define TN_EDU_DMA_TO_RAM 0x2u
#define TN_EDU_DMA_IRQ 0x4u

/* Where the buffer is for DMA. */
#define TN_EDU_BUFFER 0x40000
#define TN_EDU_BUFFER_SIZE 4096

#define TN_EDU_DEFAULT_DMA_MASK 0x0fffffff
