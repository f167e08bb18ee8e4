import com.google.gson.Gson;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * What grpc-java says of servers: Words CA TARGET…, a line of JSON each: `target`, and `said`, which is empty where the call has been answered well. The
 * description of a status is no more than "io exception"; its causes, which the stack trace of an application's log has, are said as well.
 */
public final class Words {
  private static final MethodDescriptor.Marshaller<byte[]> asItIs = new MethodDescriptor.Marshaller<>() {
    @Override
    public InputStream stream(byte[] message) {
      return new ByteArrayInputStream(message);
    }

    @Override
    public byte[] parse(InputStream stream) {
      return new byte[0];
    }
  };

  private static String said(Status status) {
    if (status.isOk()) return "";
    var all = new StringBuilder(status.toString());
    for (var cause = status.getCause(); cause != null; cause = cause.getCause()) all.append(" | ").append(cause);
    return all.toString();
  }

  private static void call(ManagedChannel channel, String target, CountDownLatch left) {
    var method = MethodDescriptor.newBuilder(asItIs, asItIs).setType(MethodType.UNARY).setFullMethodName("any.Service/Call").build();
    var call = channel.newCall(method, CallOptions.DEFAULT.withDeadlineAfter(15, TimeUnit.SECONDS));
    call.start(new ClientCall.Listener<>() {
      @Override
      public void onClose(Status status, Metadata trailers) {
        synchronized (System.out) {
          System.out.println(new Gson().toJson(Map.of("target", target, "said", said(status))));
        }
        channel.shutdown();
        left.countDown();
      }
    }, new Metadata());
    call.request(2);
    call.sendMessage("words".getBytes());
    call.halfClose();
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    var credentials = TlsChannelCredentials.newBuilder().trustManager(new File(arguments[0])).build();
    var targets = Arrays.copyOfRange(arguments, 1, arguments.length);
    var left = new CountDownLatch(targets.length);
    for (var target : targets) {
      // Where localhost is ::1 as well, Java tells the last failure; the servers are at 127.0.0.1 alone.
      var address = "127.0.0.1" + target.substring(target.lastIndexOf(':'));
      call(Grpc.newChannelBuilder(address, credentials).overrideAuthority(target).build(), target, left);
    }
    left.await();
    Runtime.getRuntime().halt(0);
  }
}
