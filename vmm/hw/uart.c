/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 16550A UART: registers, FIFO, interrupts. Spec: National PC16550D data sheet;
 * what differs from it: docs/specs/serial.md.
 */
#include "vmm/hw/uart.h"

#include "vmm/core/log.h"
#include "vmm/core/object.h"

/* Registers by offset; the first two are the divisor while LCR.DLAB is set. */
enum {
    TN_UART_REG_DATA = 0, /* read: RBR, write: THR */
    TN_UART_REG_IER = 1,
    TN_UART_REG_IIR = 2, /* write: FCR */
    TN_UART_REG_LCR = 3,
    TN_UART_REG_MCR = 4,
    TN_UART_REG_LSR = 5,
    TN_UART_REG_MSR = 6,
    TN_UART_REG_SCR = 7,
};

#define TN_UART_IER_RDI 0x01 /* received data */
#define TN_UART_IER_THRI 0x02 /* transmitter empty */
#define TN_UART_IER_RLSI 0x04 /* line status */
#define TN_UART_IER_MSI 0x08 /* modem status */
#define TN_UART_IER_MASK 0x0f

#define TN_UART_IIR_MSI 0x00
#define TN_UART_IIR_NONE 0x01
#define TN_UART_IIR_THRI 0x02
#define TN_UART_IIR_RDI 0x04
#define TN_UART_IIR_RLSI 0x06
#define TN_UART_IIR_TIMEOUT 0x0c
#define TN_UART_IIR_FIFO 0xc0

#define TN_UART_FCR_ENABLE 0x01
#define TN_UART_FCR_CLEAR_RX 0x02
#define TN_UART_FCR_CLEAR_TX 0x04
#define TN_UART_FCR_KEPT 0xc9
#define TN_UART_FCR_TRIGGER_SHIFT 6

#define TN_UART_LCR_DLAB 0x80

#define TN_UART_MCR_DTR 0x01
#define TN_UART_MCR_RTS 0x02
#define TN_UART_MCR_OUT1 0x04
#define TN_UART_MCR_OUT2 0x08
#define TN_UART_MCR_LOOP 0x10
#define TN_UART_MCR_MASK 0x1f

#define TN_UART_LSR_DR 0x01
#define TN_UART_LSR_OE 0x02
#define TN_UART_LSR_BI 0x10
#define TN_UART_LSR_ERRORS 0x1e
#define TN_UART_LSR_THRE 0x20
#define TN_UART_LSR_TEMT 0x40

#define TN_UART_MSR_DCTS 0x01
#define TN_UART_MSR_DDSR 0x02
#define TN_UART_MSR_TERI 0x04
#define TN_UART_MSR_DDCD 0x08
#define TN_UART_MSR_DELTAS 0x0f
#define TN_UART_MSR_CTS 0x10
#define TN_UART_MSR_DSR 0x20
#define TN_UART_MSR_RI 0x40
#define TN_UART_MSR_DCD 0x80
/* A modem that is always ready and connected. */
#define TN_UART_MSR_IDLE (TN_UART_MSR_CTS | TN_UART_MSR_DSR | TN_UART_MSR_DCD)

#define TN_UART_RESET_DIVISOR 12 /* 9600 baud */

/* Fill of the transmit ring at which THRE goes away and comes back. What lies above
 * is for a guest that was told THRE and writes its FIFO full, and for one that
 * gives up waiting (Linux' console after 10 ms a character). */
#define TN_UART_TX_HIGH 4096
#define TN_UART_TX_LOW 2048

/* The last words of a guest: how long its end may wait for a slow reader. */
#define TN_UART_LAST_WORDS_MS 500

static const guint8 rx_triggers[] = { 1, 4, 8, 14 };

static unsigned
rx_depth(const TnUart *self)
{
    return self->fcr & TN_UART_FCR_ENABLE ? TN_UART_FIFO_SIZE : 1;
}

/* The interrupt of highest priority that is enabled and pending (data sheet, table III).
 * Characters below the trigger level count as timed out at once: their sender
 * has paused for longer than four character times as far as the guest can tell. */
static guint8
pending_interrupt(const TnUart *self)
{
    if ((self->ier & TN_UART_IER_RLSI) && self->lsr_errors) {
        return TN_UART_IIR_RLSI;
    }
    if ((self->ier & TN_UART_IER_RDI) && self->rx_count > 0) {
        return self->rx_count >= self->rx_trigger ? TN_UART_IIR_RDI : TN_UART_IIR_TIMEOUT;
    }
    if ((self->ier & TN_UART_IER_THRI) && self->thri_pending) {
        return TN_UART_IIR_THRI;
    }
    if ((self->ier & TN_UART_IER_MSI) && (self->msr & TN_UART_MSR_DELTAS)) {
        return TN_UART_IIR_MSI;
    }
    return TN_UART_IIR_NONE;
}

/* Tells the controller about a changed level only: each telling is a system call. */
static void
update_irq(TnUart *self)
{
    bool level = pending_interrupt(self) != TN_UART_IIR_NONE;

    if (level != self->irq_level) {
        self->irq_level = level;
        tn_irq_set(self->irq_line, level);
    }
}

/* One character into the receiver. */
static void
receive(TnUart *self, guint8 c)
{
    if (self->rx_count == rx_depth(self)) {
        self->lsr_errors |= TN_UART_LSR_OE;
        return;
    }
    self->rx[(self->rx_head + self->rx_count) % TN_UART_FIFO_SIZE] = c;
    self->rx_count++;
}

/* Staged input goes on into the FIFO, unless the receiver is looped to the transmitter. */
static void
refill(TnUart *self)
{
    while (self->stage_count > 0 && self->rx_count < rx_depth(self) &&
           !(self->mcr & TN_UART_MCR_LOOP)) {
        receive(self, self->stage[self->stage_head]);
        self->stage_head = (self->stage_head + 1) % TN_UART_STAGE_SIZE;
        self->stage_count--;
    }
}

/* Whether the chardev waits for room that there is now. */
static bool
wants_more_input(TnUart *self)
{
    if (!self->input_waiting || self->stage_count > TN_UART_STAGE_SIZE / 2) {
        return false;
    }
    self->input_waiting = false;
    return true;
}

static guint8
read_data(TnUart *self)
{
    if (self->rx_count > 0) {
        self->rbr = self->rx[self->rx_head];
        self->rx_head = (self->rx_head + 1) % TN_UART_FIFO_SIZE;
        self->rx_count--;
        refill(self);
        update_irq(self);
    }
    return self->rbr;
}

static guint8
read_iir(TnUart *self)
{
    guint8 iir = pending_interrupt(self);

    if (iir == TN_UART_IIR_THRI) {
        self->thri_pending = false;
        update_irq(self);
    }
    return iir | (self->fcr & TN_UART_FCR_ENABLE ? TN_UART_IIR_FIFO : 0);
}

static guint8
read_lsr(TnUart *self)
{
    guint8 lsr = self->lsr_errors;

    lsr |= self->rx_count > 0 ? TN_UART_LSR_DR : 0;
    lsr |= self->thre ? TN_UART_LSR_THRE | TN_UART_LSR_TEMT : 0;
    if (self->lsr_errors) {
        self->lsr_errors = 0;
        update_irq(self);
    }
    return lsr;
}

static guint8
read_msr(TnUart *self)
{
    guint8 msr = self->msr;

    if (msr & TN_UART_MSR_DELTAS) {
        self->msr &= ~TN_UART_MSR_DELTAS;
        update_irq(self);
    }
    return msr;
}

static uint64_t
uart_read(void *opaque, uint64_t addr, unsigned size)
{
    TnUart *self = opaque;
    bool dlab, more = false;
    guint8 value = 0xff;

    g_mutex_lock(&self->lock);
    dlab = self->lcr & TN_UART_LCR_DLAB;
    switch (addr) {
    case TN_UART_REG_DATA:
        value = dlab ? self->dll : read_data(self);
        more = wants_more_input(self);
        break;
    case TN_UART_REG_IER:
        value = dlab ? self->dlm : self->ier;
        break;
    case TN_UART_REG_IIR:
        value = read_iir(self);
        break;
    case TN_UART_REG_LCR:
        value = self->lcr;
        break;
    case TN_UART_REG_MCR:
        value = self->mcr;
        break;
    case TN_UART_REG_LSR:
        value = read_lsr(self);
        break;
    case TN_UART_REG_MSR:
        value = read_msr(self);
        break;
    case TN_UART_REG_SCR:
        value = self->scr;
        break;
    }
    g_mutex_unlock(&self->lock);
    if (more) {
        tn_chardev_accept_input(self->chardev);
    }
    return value;
}

/* The line is as fast as the ring: the transmitter is empty again at once, unless
 * the host does not keep up. */
static void
transmit(TnUart *self, guint8 c)
{
    if (self->mcr & TN_UART_MCR_LOOP) {
        receive(self, c);
    } else if (!tn_chardev_tx_put(&self->tx, c)) {
        tn_log_guest(&self->lost_logged,
                     "UART: the guest writes to a full transmitter; character lost");
    }
    self->thre = tn_chardev_tx_used(&self->tx) < TN_UART_TX_HIGH;
    self->thri_pending = self->thre;
    update_irq(self);
}

static void
write_ier(TnUart *self, guint8 value)
{
    guint8 changed = self->ier ^ (value & TN_UART_IER_MASK);

    self->ier = value & TN_UART_IER_MASK;
    /* Enabling the interrupt with an empty transmitter raises it (Linux tests for this). */
    if (changed & TN_UART_IER_THRI) {
        self->thri_pending = (self->ier & TN_UART_IER_THRI) && self->thre;
    }
    update_irq(self);
}

static void
write_fcr(TnUart *self, guint8 value)
{
    guint8 changed = self->fcr ^ value;

    /* The other bits count only along with the enable bit. */
    if (!(value & TN_UART_FCR_ENABLE)) {
        value = 0;
    }
    if ((changed & TN_UART_FCR_ENABLE) || (value & TN_UART_FCR_CLEAR_RX)) {
        self->rx_count = 0;
    }
    if ((changed & TN_UART_FCR_ENABLE) || (value & TN_UART_FCR_CLEAR_TX)) {
        self->thri_pending = self->thre;
    }
    self->fcr = value & TN_UART_FCR_KEPT;
    self->rx_trigger = value ? rx_triggers[value >> TN_UART_FCR_TRIGGER_SHIFT] : 1;
    refill(self);
    update_irq(self);
}

/* The modem lines as they are now: the outputs come back in while looped. */
static guint8
modem_lines(const TnUart *self)
{
    if (!(self->mcr & TN_UART_MCR_LOOP)) {
        return TN_UART_MSR_IDLE;
    }
    return (self->mcr & TN_UART_MCR_RTS ? TN_UART_MSR_CTS : 0) |
           (self->mcr & TN_UART_MCR_DTR ? TN_UART_MSR_DSR : 0) |
           (self->mcr & TN_UART_MCR_OUT1 ? TN_UART_MSR_RI : 0) |
           (self->mcr & TN_UART_MCR_OUT2 ? TN_UART_MSR_DCD : 0);
}

static void
write_mcr(TnUart *self, guint8 value)
{
    guint8 lines, changed;

    self->mcr = value & TN_UART_MCR_MASK;
    lines = modem_lines(self);
    changed = lines ^ (self->msr & ~TN_UART_MSR_DELTAS);
    self->msr = (self->msr & TN_UART_MSR_DELTAS) | lines;
    self->msr |= changed & TN_UART_MSR_CTS ? TN_UART_MSR_DCTS : 0;
    self->msr |= changed & TN_UART_MSR_DSR ? TN_UART_MSR_DDSR : 0;
    self->msr |= changed & ~lines & TN_UART_MSR_RI ? TN_UART_MSR_TERI : 0;
    self->msr |= changed & TN_UART_MSR_DCD ? TN_UART_MSR_DDCD : 0;
    refill(self);
    update_irq(self);
}

static void
uart_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    TnUart *self = opaque;
    guint8 byte = (guint8)value;
    bool dlab;

    g_mutex_lock(&self->lock);
    dlab = self->lcr & TN_UART_LCR_DLAB;
    switch (addr) {
    case TN_UART_REG_DATA:
        if (dlab) {
            self->dll = byte;
        } else {
            transmit(self, byte);
        }
        break;
    case TN_UART_REG_IER:
        if (dlab) {
            self->dlm = byte;
        } else {
            write_ier(self, byte);
        }
        break;
    case TN_UART_REG_IIR:
        write_fcr(self, byte);
        break;
    case TN_UART_REG_LCR:
        self->lcr = byte;
        break;
    case TN_UART_REG_MCR:
        write_mcr(self, byte);
        break;
    case TN_UART_REG_SCR:
        self->scr = byte;
        break;
    }
    g_mutex_unlock(&self->lock);
}

const TnMemoryRegionOps tn_uart_ops = {
    .read = uart_read,
    .write = uart_write,
    .valid = { .min = 1, .max = 4, .unaligned = true },
    .impl = { .min = 1, .max = 1 },
};

/* The ring has room again. Main thread. */
static void
on_drained(void *opaque)
{
    TnUart *self = opaque;

    g_mutex_lock(&self->lock);
    if (!self->thre && tn_chardev_tx_used(&self->tx) <= TN_UART_TX_LOW) {
        self->thre = true;
        self->thri_pending = true;
        update_irq(self);
    }
    g_mutex_unlock(&self->lock);
}

static gsize
on_can_read(void *opaque)
{
    TnUart *self = opaque;
    gsize room;

    g_mutex_lock(&self->lock);
    room = TN_UART_STAGE_SIZE - self->stage_count;
    self->input_waiting = room == 0;
    g_mutex_unlock(&self->lock);
    return room;
}

static void
on_read(void *opaque, const guint8 *buf, gsize len)
{
    TnUart *self = opaque;

    g_mutex_lock(&self->lock);
    for (gsize i = 0; i < len && self->stage_count < TN_UART_STAGE_SIZE; i++) {
        self->stage[(self->stage_head + self->stage_count) % TN_UART_STAGE_SIZE] = buf[i];
        self->stage_count++;
    }
    refill(self);
    update_irq(self);
    g_mutex_unlock(&self->lock);
}

static void
on_writable(void *opaque)
{
    TnUart *self = opaque;

    tn_chardev_tx_writable(&self->tx);
}

/* A break arrives as a zero character with the line status that goes with it. */
static void
on_send_break(void *opaque)
{
    TnUart *self = opaque;

    g_mutex_lock(&self->lock);
    if (!(self->mcr & TN_UART_MCR_LOOP)) {
        receive(self, 0);
        self->lsr_errors |= TN_UART_LSR_BI;
        update_irq(self);
    }
    g_mutex_unlock(&self->lock);
}

static const TnChardevHandlers chardev_handlers = {
    .can_read = on_can_read,
    .read = on_read,
    .writable = on_writable,
    .send_break = on_send_break,
};

/* Power-on state. What the transmitter has taken is on the line and stays there. */
static void
reset_locked(TnUart *self)
{
    self->thre = tn_chardev_tx_used(&self->tx) < TN_UART_TX_HIGH;
    self->thri_pending = false;
    self->ier = 0;
    self->fcr = 0;
    self->lcr = 0;
    self->mcr = TN_UART_MCR_OUT2;
    self->lsr_errors = 0;
    self->msr = TN_UART_MSR_IDLE;
    self->scr = 0;
    self->dll = TN_UART_RESET_DIVISOR;
    self->dlm = 0;
    self->rbr = 0;
    self->rx_trigger = 1;
    self->rx_head = 0;
    self->rx_count = 0;
    self->stage_head = 0;
    self->stage_count = 0;
    update_irq(self);
}

gboolean
tn_uart_init(TnUart *self, TnChardev *chardev, const TnIrqLine *irq_line, GError **error)
{
    *self = (TnUart){ .chardev = chardev, .irq_line = irq_line };
    g_mutex_init(&self->lock);
    tn_chardev_tx_init(&self->tx, chardev, on_drained, self);
    reset_locked(self);
    if (chardev && !tn_chardev_attach(chardev, &chardev_handlers, self, error)) {
        tn_chardev_tx_done(&self->tx, 0);
        g_mutex_clear(&self->lock);
        return FALSE;
    }
    return TRUE;
}

/* Order: nothing more from the host, then the rest of what the guest said. */
void
tn_uart_done(TnUart *self)
{
    if (self->chardev) {
        tn_chardev_detach(self->chardev, self);
    }
    tn_chardev_tx_done(&self->tx, TN_UART_LAST_WORDS_MS);
    tn_irq_lower(self->irq_line);
    g_mutex_clear(&self->lock);
}

void
tn_uart_reset(TnUart *self)
{
    bool more;

    g_mutex_lock(&self->lock);
    reset_locked(self);
    more = wants_more_input(self);
    g_mutex_unlock(&self->lock);
    if (more) {
        tn_chardev_accept_input(self->chardev);
    }
}

gboolean
tn_uart_check_loaded(TnUart *self, GError **error)
{
    self->ier &= TN_UART_IER_MASK;
    self->fcr = self->fcr & TN_UART_FCR_ENABLE ? self->fcr & TN_UART_FCR_KEPT : 0;
    self->mcr &= TN_UART_MCR_MASK;
    self->lsr_errors &= TN_UART_LSR_ERRORS;
    if (self->rx_head >= TN_UART_FIFO_SIZE || self->rx_count > rx_depth(self) ||
        self->stage_head >= TN_UART_STAGE_SIZE || self->stage_count > TN_UART_STAGE_SIZE) {
        g_set_error(error, TN_CORE_ERROR, TN_CORE_ERROR_GENERIC,
                    "UART: saved FIFO has no valid size");
        return FALSE;
    }
    self->rx_trigger = self->fcr ? rx_triggers[self->fcr >> TN_UART_FCR_TRIGGER_SHIFT] : 1;
    self->thre = true;
    self->irq_level = false;
    update_irq(self);
    return TRUE;
}
