// A Wishbone master that reads descriptors from memory and copies words as they say, with a checksum.
module wb_copier (
    input  logic        clk,
    input  logic        rst_n,
    input  logic        start,
    output logic        done,
    output logic        failed,
    output logic        wb_cyc_o,
    output logic        wb_stb_o,
    output logic        wb_we_o,
    output logic [15:0] wb_adr_o,
    output logic [31:0] wb_dat_o,
    input  logic [31:0] wb_dat_i,
    input  logic        wb_ack_i,
    input  logic        wb_err_i
);
  typedef enum logic [3:0] {IDLE, HEAD, SOURCE, TARGET, READ, WRITE, NEXT, DONE, FAIL} state_t;
  state_t state;
  logic [15:0] descriptor, from, to;
  logic [7:0] left;
  logic [3:0] kind;
  logic [31:0] word, sum;
  logic [7:0] patience;

  assign wb_cyc_o = state inside {HEAD, SOURCE, TARGET, READ, WRITE};
  assign wb_stb_o = wb_cyc_o && !wb_ack_i;
  assign wb_we_o = state == WRITE;
  assign wb_dat_o = kind == 4'h3 ? ~word : word;
  assign done = state == DONE;
  assign failed = state == FAIL;
  always_comb
    case (state)
      READ: wb_adr_o = from;
      WRITE: wb_adr_o = to;
      default: wb_adr_o = descriptor;
    endcase

  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      state <= IDLE;
      descriptor <= 16'h0100;
      {from, to, left, kind, word, sum, patience} <= '0;
    end else begin
      patience <= wb_cyc_o && !wb_ack_i ? patience + 1'b1 : '0;
      if (wb_cyc_o && (wb_err_i || patience == 8'd60)) state <= FAIL;
      else
        case (state)
          IDLE: if (start) begin
            state <= HEAD;
            sum <= '0;
          end
          HEAD: if (wb_ack_i) begin
            left <= wb_dat_i[7:0];
            kind <= wb_dat_i[11:8];
            descriptor <= descriptor + 16'd4;
            if (wb_dat_i[31:16] != 16'hC0DE) state <= FAIL;
            else if (wb_dat_i[7:0] == 0) state <= NEXT;
            else state <= SOURCE;
          end
          SOURCE: if (wb_ack_i) begin
            from <= wb_dat_i[15:0];
            descriptor <= descriptor + 16'd4;
            state <= TARGET;
          end
          TARGET: if (wb_ack_i) begin
            to <= wb_dat_i[15:0];
            descriptor <= descriptor + 16'd4;
            state <= READ;
          end
          READ: if (wb_ack_i) begin
            word <= wb_dat_i;
            sum <= sum + wb_dat_i;
            state <= WRITE;
          end
          WRITE: if (wb_ack_i) begin
            left <= left - 1'b1;
            from <= from + 16'd4;
            to <= to + (kind == 4'h2 ? 16'd0 : 16'd4);
            state <= left == 8'd1 ? NEXT : READ;
          end
          NEXT: state <= kind == 4'hF ? (sum == 32'h0 ? DONE : FAIL) : HEAD;
          DONE, FAIL: if (start) state <= IDLE;
          default: state <= IDLE;
        endcase
    end
endmodule
