import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * The grpc-java client of the end-to-end tests: Client TARGET CA CERT KEY, one channel. What it is told on standard input and what it says on standard
 * output: tests/clients/README.md.
 */
public final class Client {
  private static final Gson gson = new Gson();
  private static final PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final Metadata.Key<String> authorization = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private static final class Order {
    String id, kind, method, token, text;
    int size, count;
    double timeout;
  }

  /** A message as its bytes. */
  private static final MethodDescriptor.Marshaller<byte[]> asItIs = new MethodDescriptor.Marshaller<>() {
    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  };

  private static void say(String id, String event, JsonObject line) {
    line.addProperty("id", id);
    line.addProperty("event", event);
    synchronized (output) {
      output.println(line);
    }
  }

  private static MethodType type(String kind) {
    switch (kind) {
      case "upload": return MethodType.CLIENT_STREAMING;
      case "download": return MethodType.SERVER_STREAMING;
      default: return MethodType.UNARY;
    }
  }

  /** One call. The library calls the listener on one thread at a time. */
  private static final class Call extends ClientCall.Listener<byte[]> {
    private final Order order;
    private final byte[] message;
    private final ClientCall<byte[], byte[]> call;
    private final long began = System.nanoTime();
    private int sent, received;
    private byte[] last = {};

    Call(ManagedChannel channel, Order order) {
      this.order = order;
      message = order.size > 0 ? new byte[order.size] : order.text.getBytes(StandardCharsets.UTF_8);
      var method = MethodDescriptor.newBuilder(asItIs, asItIs).setType(type(order.kind)).setFullMethodName(order.method.substring(1)).build();
      call = channel.newCall(method, CallOptions.DEFAULT.withDeadlineAfter((long) (order.timeout * 1000), TimeUnit.MILLISECONDS));
    }

    void begin() {
      var metadata = new Metadata();
      metadata.put(authorization, order.token);
      call.start(this, metadata);
      call.request(order.kind.equals("download") ? 1 : 2);
      if (!order.kind.equals("upload")) send();
      say(order.id, "started", new JsonObject());
    }

    private void send() {
      call.sendMessage(message);
      if (++sent == order.count) call.halfClose();
    }

    @Override
    public void onReady() {
      while (order.kind.equals("upload") && sent < order.count && call.isReady()) send();
    }

    @Override
    public void onMessage(byte[] each) {
      ++received;
      last = each;
      if (!order.kind.equals("download")) return;
      say(order.id, "message", new JsonObject());
      call.request(1);
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      var line = new JsonObject();
      line.addProperty("code", status.getCode().name());
      line.addProperty("details", status.getDescription() == null ? "" : status.getDescription());
      line.addProperty("sent", sent);
      line.addProperty("received", received);
      line.addProperty("text", last.length > 200 ? "" : new String(last, StandardCharsets.UTF_8));
      line.addProperty("seconds", (System.nanoTime() - began) / 1e9);
      say(order.id, "ended", line);
    }
  }

  public static void main(String[] arguments) throws IOException {
    var credentials = TlsChannelCredentials.newBuilder().trustManager(new File(arguments[1]))
        .keyManager(new File(arguments[2]), new File(arguments[3])).build();
    var channel = Grpc.newChannelBuilder(arguments[0], credentials).maxInboundMessageSize(Integer.MAX_VALUE).build();
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (var line = lines.readLine(); line != null; line = lines.readLine()) new Call(channel, gson.fromJson(line, Order.class)).begin();
    Runtime.getRuntime().halt(0);
  }
}
