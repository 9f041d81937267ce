// A UART receiver with parity that takes commands of a letter and a digit.
module uart_console #(
    parameter int DIVIDER = 26
) (
    input  logic       clk,
    input  logic       rst_n,
    input  logic       rx,
    output logic       led,
    output logic [3:0] level,
    output logic       bad
);
  typedef enum logic [2:0] {IDLE, START, DATA, PARITY, STOP} state_t;
  state_t state;
  logic [7:0] ticks, shift;
  logic [2:0] bits;
  logic parity, ready, armed;
  logic [1:0] sync;

  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      state <= IDLE;
      sync <= '1;
      {ticks, shift, bits, parity, ready, armed, led, level, bad} <= '0;
    end else begin
      sync <= {sync[0], rx};
      ready <= 1'b0;
      ticks <= ticks + 1'b1;
      case (state)
        IDLE: if (!sync[1]) begin
          state <= START;
          ticks <= '0;
        end
        START: if (ticks == DIVIDER / 2) begin
          state <= sync[1] ? IDLE : DATA;
          ticks <= '0;
          bits <= '0;
        end
        DATA: if (ticks == DIVIDER - 1) begin
          ticks <= '0;
          shift <= {sync[1], shift[7:1]};
          bits <= bits + 1'b1;
          if (bits == 3'd7) state <= PARITY;
        end
        PARITY: if (ticks == DIVIDER - 1) begin
          ticks <= '0;
          parity <= sync[1];
          state <= STOP;
        end
        STOP: if (ticks == DIVIDER - 1) begin
          state <= IDLE;
          if (!sync[1] || parity != ^shift) bad <= 1'b1;
          else ready <= 1'b1;
        end
        default: state <= IDLE;
      endcase
      if (ready) begin
        if (armed) begin
          armed <= 1'b0;
          if (shift >= 8'h30 && shift <= 8'h39) level <= shift[3:0];
        end else
          case (shift)
            "L": armed <= 1'b1;
            "T": led <= ~led;
            "C": bad <= 1'b0;
            default: ;
          endcase
      end
    end
endmodule
